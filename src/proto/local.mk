## Sources of the layer proto.
