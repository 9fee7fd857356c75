## Sources of the layer auth.
