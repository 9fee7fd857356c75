## Sources of the layer sql.
