## Unit tests of the layer io.
