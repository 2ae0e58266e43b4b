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

int cuDriverGetVersion(int *ret_version);
int cuDriverGetVersion(int *ret_version)
{
        *ret_version = 5000;
        return 0;
}
