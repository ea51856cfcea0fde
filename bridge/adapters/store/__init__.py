"""What talks to Redis or Valkey: the scripts that change the store, and the queries that read it."""
