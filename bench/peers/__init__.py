"""What the gateway is compared with: each server in one file, set up as its documentation says."""
