"""What holds for a deployment at which nothing is killed: all of these tests share one."""
