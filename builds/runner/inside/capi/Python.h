/* Python.h, and what C sources for older Pythons take for granted of it.

   Only what means the same as it did: macros that could be assigned to (gone in 3.10 and 3.11),
   and functions that have gone on under another name. Found before the interpreter's own folder.
*/
#include_next <Python.h>

#ifndef AFFINEUR_CAPI
#define AFFINEUR_CAPI

#if PY_VERSION_HEX >= 0x030A0000 && !defined(Py_GIL_DISABLED)
#undef Py_REFCNT
#define Py_REFCNT(object) (((PyObject *)(object))->ob_refcnt)
#undef Py_TYPE
#define Py_TYPE(object) (((PyObject *)(object))->ob_type)
#undef Py_SIZE
#define Py_SIZE(object) (((PyVarObject *)(object))->ob_size)
#endif

#if PY_VERSION_HEX >= 0x03090000 && !defined(_PyObject_GC_IS_TRACKED)
#define _PyObject_GC_IS_TRACKED(object) PyObject_GC_IsTracked((PyObject *)(object))
#endif

#if PY_VERSION_HEX >= 0x030B0000
#define _PyFloat_Pack2(x, bytes, le) PyFloat_Pack2((x), (char *)(bytes), (le))
#define _PyFloat_Pack4(x, bytes, le) PyFloat_Pack4((x), (char *)(bytes), (le))
#define _PyFloat_Pack8(x, bytes, le) PyFloat_Pack8((x), (char *)(bytes), (le))
#define _PyFloat_Unpack2(bytes, le) PyFloat_Unpack2((const char *)(bytes), (le))
#define _PyFloat_Unpack4(bytes, le) PyFloat_Unpack4((const char *)(bytes), (le))
#define _PyFloat_Unpack8(bytes, le) PyFloat_Unpack8((const char *)(bytes), (le))
#endif

#if PY_VERSION_HEX >= 0x030D0000
#define PyEval_CallObject PyObject_CallObject
#define PyEval_CallObjectWithKeywords(callable, arguments, keywords) \
    PyObject_Call((callable), (arguments), (keywords))
#define PyEval_CallFunction PyObject_CallFunction
#define PyEval_CallMethod PyObject_CallMethod
#define _Py_IsFinalizing Py_IsFinalizing
#endif

#endif
