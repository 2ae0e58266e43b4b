#pragma once
/*
 * The engine on played devices (played-device.h), for tests: there are no devices of CUDA, and of OpenCL a processor and two GPUs, which a test may
 * change before it makes an engine. What it is suited for besides is one gallery and questions to it, asked all at once.
 */

#include "exam.h"
#include "played-device.h"

extern PlayedControl *played_cuda, *played_opencl;
extern uint64_t played_chance;

/** played_set_up(), played_tear_down() - For each test; the latter ends it where a driver was not called as it is to be, or something is still open. */
void played_set_up(void);
void played_tear_down(void);

/** played_folder() - Where the drivers are. */
const char *played_folder(void);

/** played_facts_of() - Of a device of that name. */
DeviceFacts played_facts_of(const char *name, bool is_gpu);

/** played_options() - For an engine on one of the played devices. */
EngineOptions played_options(const char *engine, const char *device);

/** played_engine() - Ends the test where there is none. */
Engine *played_engine(const EngineOptions *options);

/** played_fallback() - The name of the processor's engine. */
const char *played_fallback(void);

enum { PLAYED_ROWS = 3001, PLAYED_DIMENSION = 40, PLAYED_QUESTIONS = 24 };

/* The gallery has some 47 blocks. */
#define PLAYED_SOME_MEMORY (20 * codes_block_size(PLAYED_DIMENSION))

/* Questions to a gallery, and an engine on the first GPU. */
typedef struct PlayedCase {
        Exam *exam;
        Engine *engine;
        EngineQuery queries[PLAYED_QUESTIONS];
        EngineRun run;
        size_t n_calls; /* of the driver's, in the last search */
} PlayedCase;

/** played_case_new() - @memory: as EngineOptions.device_memory. */
PlayedCase played_case_new(const char *kind, uint64_t memory);
void played_case_free(PlayedCase *one);

/** played_case_begin() - Another engine for the same questions. */
void played_case_begin(PlayedCase *one, uint64_t memory);

/** played_case_search() - Asks all questions at once. The answers are right, whoever gives them; else the test ends. */
void played_case_search(PlayedCase *one);

/** played_case_on_device(), played_case_fell_back() - End the test where somebody else has answered last, or the engine says of itself what is not so. */
void played_case_on_device(const PlayedCase *one);
void played_case_fell_back(const PlayedCase *one, const char *failure);
