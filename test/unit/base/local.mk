## Unit tests of the layer base.
