/*
 * A libcuda.so.1 that is older than the calls that engine-cuda.so wants.
 */

int cuInit(unsigned flags);
int cuInit(unsigned flags)
{
        return 0;
}

int cuGetErrorName(int error, const char **ret_name);
int cuGetErrorName(int error, const char **ret_name)
{
        return 1;
}
