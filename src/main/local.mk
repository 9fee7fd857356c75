## Sources of the layer main.
