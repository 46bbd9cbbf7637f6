// Streams of any device, through the interface that libtorch's CPU half has for all
// of them: no header of CUDA is needed.

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "../guarded.h"

using drs::guarded;

namespace {

c10::impl::VirtualGuardImpl streams_of(c10::Device device) {
  return c10::impl::VirtualGuardImpl(device.type());
}

}  // namespace

extern "C" {

// A stream of the GPU of this number; below 0, the processor's only one.
void* drs_stream_new(int gpu, char** error) {
  return guarded(error, [&]() -> void* {
    const auto device = gpu < 0 ? c10::Device(c10::kCPU)
                                : c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(gpu));
    return new c10::Stream(streams_of(device).getNewStream(device));
  });
}

void drs_stream_free(void* stream) { delete static_cast<c10::Stream*>(stream); }

// Puts what this thread asks of the stream's device onto the stream, until the
// result is given to drs_stream_leave.
void* drs_stream_enter(const void* stream, char** error) {
  return guarded(error, [&]() -> void* {
    return new c10::StreamGuard(*static_cast<const c10::Stream*>(stream));
  });
}

void drs_stream_leave(void* guard) { delete static_cast<c10::StreamGuard*>(guard); }

// Gives memory of GPUs back that no tensor has.
void drs_device_trim(char** error) {
  guarded(error, [&]() -> void* {
    c10::getDeviceAllocator(c10::kCUDA)->emptyCache();
    return nullptr;
  });
}

// Waits for all that was asked of the GPU of this number.
void drs_device_wait(int gpu, char** error) {
  guarded(error, [&]() -> void* {
    const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(gpu));
    // Without it the GPU of before would be woken, which may be another one.
    c10::DeviceGuard guard(device);
    streams_of(device).synchronizeDevice(device.index());
    return nullptr;
  });
}
}
