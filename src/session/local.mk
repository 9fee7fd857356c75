## Sources of the layer session.
