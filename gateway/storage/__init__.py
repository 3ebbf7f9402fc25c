"""What outlives the process. The only package that knows SQLAlchemy."""
