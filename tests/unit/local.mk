unit_tests =
