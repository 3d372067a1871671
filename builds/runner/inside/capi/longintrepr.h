/* Where Python 3.11 moved it. From 3.12 on integers look otherwise, and sources that look inside
   them do not compile. */
#include <cpython/longintrepr.h>
