#include "common/base/attr.h"
#include "common/io/crash.h"

void lockstep_crash_point(LOCKSTEP_UNUSED enum lockstep_crash point)
{
}
