// Stands for the precompiled headers of the tests (CMakeLists.txt); a test itself in no way.
