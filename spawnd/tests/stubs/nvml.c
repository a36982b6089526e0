// A stub of NVML: one GPU with answers that are chosen at compile time.
//     USE    percent of every sample, or -1 if utilization is not supported (MIG)
//     HELD   number of processes with memory on the GPU, 1 GiB each
//     STATUS result of counting the GPUs (15: the GPU is lost)
//     SLOW   seconds that counting the GPUs takes
#include <unistd.h>

typedef struct { unsigned long long time; union { double d; unsigned u; unsigned long long ull; } value; } Sample;
typedef struct { unsigned gpu, memory; } Rates;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory;

enum { OK = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7 };

int nvmlInit_v2(void) { return OK; }
int nvmlShutdown(void) { return OK; }
int nvmlDeviceGetCount_v2(unsigned *count) { sleep(SLOW); *count = 1; return STATUS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = (void *)1; return index == 0 ? OK : NOT_FOUND; }
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, void *list) { *count = HELD; return HELD ? TOO_SMALL : OK; }
int nvmlDeviceGetSamples(void *device, int kind, unsigned long long seen, int *type, unsigned *count, Sample *list) {
    if (USE < 0) return NOT_SUPPORTED;
    if (seen >= 2) return NOT_FOUND;
    *type = 1;
    if (list) {
        list[0].time = 1; list[0].value.u = 0;
        list[1].time = 2; list[1].value.u = USE;
    }
    *count = 2;
    return OK;
}
int nvmlDeviceGetUtilizationRates(void *device, Rates *rates) {
    if (USE < 0) return NOT_SUPPORTED;
    rates->gpu = 0; rates->memory = 0;
    return OK;
}
int nvmlDeviceGetMemoryInfo_v2(void *device, Memory *memory) {
    memory->total = 16ull << 30; memory->used = (unsigned long long)HELD << 30;
    memory->reserved = 0; memory->free = memory->total - memory->used;
    return OK;
}
