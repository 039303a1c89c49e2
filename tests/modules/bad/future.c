/* A libc of the future, to link a test module with. It is not there when the module is loaded. */
int lockstep_of_the_future(void);

int lockstep_of_the_future(void)
{
    return 0;
}
