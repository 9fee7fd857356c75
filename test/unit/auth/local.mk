## Unit tests of the layer auth.
