// Packages of AOTInductor: compiled networks, run through libtorch's own interface
// for them.
//
// Not by its loader of packages: that one leaves its temporary files behind where
// loading fails, runs whatever command a package without code names as its
// compiler, and unpacks all of it.

#include <torch/csrc/inductor/aoti_runner/model_container_runner.h>

#include "../guarded.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using drs::guarded;
using torch::inductor::AOTIModelContainerRunner;

extern "C" {

// Loads the code at `library` for `runs` calls at once. `kind` is the device's as
// libtorch registers it (cpu, cuda), `device` that one device (cpu, cuda:0),
// `kernels` the folder of what the code loads onto it.
void* drs_package_load(const char* library, const char* kernels, const char* kind, const char* device,
                       size_t runs, char** error) {
  return guarded(error, [&]() -> void* {
    auto& known = torch::inductor::getAOTIModelRunnerRegistry();
    const auto create = known.find(kind);
    if (create == known.end())
      throw std::runtime_error(std::string("this libtorch runs no packages for ") + kind);
    return create->second(library, runs, device, kernels, /*run_single_threaded=*/false).release();
  });
}

// The output for one batch, as a new tensor. No more calls at once than it was
// loaded for: a further one could wait for ever where another one failed.
void* drs_package_run(void* package, const void* input, char** error) {
  return guarded(error, [&]() -> void* {
    auto outputs = static_cast<AOTIModelContainerRunner*>(package)->run(
        {*static_cast<const at::Tensor*>(input)});
    if (outputs.size() != 1) throw std::runtime_error("the output is not one tensor");
    return new at::Tensor(std::move(outputs[0]));
  });
}

void drs_package_free(void* package) { delete static_cast<AOTIModelContainerRunner*>(package); }
}
