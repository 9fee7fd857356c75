## Sources of the layer io.
