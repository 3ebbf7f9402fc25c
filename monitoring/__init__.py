"""What operators see of Ringback: metrics, logs, health. Imports nothing of the gateway."""
