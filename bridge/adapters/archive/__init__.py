"""The archive's files: on a disk, or with a service that speaks S3."""
