/* lockstep: what people and scripts ask a coordinator with. */
#include "coordinator/cli/command.h"

int main(int argc, char **argv)
{
    return lockstep_command_main(argc, argv, stdout, stderr);
}
