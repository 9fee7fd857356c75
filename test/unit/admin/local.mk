## Unit tests of the layer admin.
