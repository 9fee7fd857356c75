## Unit tests of main.
