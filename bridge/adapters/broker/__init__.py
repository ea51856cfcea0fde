"""What Celery's messages travel over, and the queue of producers that know only Celery."""
