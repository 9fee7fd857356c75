## Sources of the layer pool.
