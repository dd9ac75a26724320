"""The composition root: where the parts are built and put together, by plain constructor calls."""
