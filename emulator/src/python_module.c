/* Makes the engine an importable extension module, so that it is built and installed like one.
 * Everything else reaches it through ctypes. */
#include <Python.h>

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_engine", .m_size = 0};

PyMODINIT_FUNC PyInit__engine(void) { return PyModule_Create(&definition); }
