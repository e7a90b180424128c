"""The methods, one module each, and the laboratory that measures them."""
