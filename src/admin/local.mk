## Sources of the layer admin.
