"""The management API, `/api/v1`: one module per noun, and a readable page of it all at `/api/docs`."""
