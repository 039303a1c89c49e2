/* What missing-library.so is linked with. */
int stub_answer(void);

int stub_answer(void)
{
    return 0;
}
