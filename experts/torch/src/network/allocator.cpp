// Memory for tensors on the CPU that is used again.
//
// A network asks for the same large blocks in every batch. The C library gives
// such blocks back to the system when they are freed and fetches them, page by
// page, in the next call, which costs up to half of the time of a small
// network. Here they are kept.

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/alignment.h>
#include <c10/core/impl/alloc_cpu.h>

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace {

// The C library keeps smaller blocks itself.
constexpr size_t kSmallest = size_t{64} << 10;
// Kept for later at most; what is in use counts apart.
constexpr size_t kMostKept = size_t{1} << 30;

// In front of every block, since a deleter is told no size.
struct alignas(c10::gAlignment) Header {
  size_t size;
};

class Kept {
 public:
  void* take(size_t size) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto& blocks = blocks_[size];
    if (blocks.empty()) return nullptr;
    void* block = blocks.back();  // the last one in: most likely still in a cache
    blocks.pop_back();
    bytes_ -= size;
    return block;
  }

  bool keep(void* block, size_t size) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (bytes_ + size > kMostKept) return false;
    blocks_[size].push_back(block);
    bytes_ += size;
    return true;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> blocks_;
  size_t bytes_ = 0;
};

// Never destroyed: tensors may outlive the statics of this library.
Kept& kept() {
  static Kept* kept = new Kept;
  return *kept;
}

void release(void* data) {
  if (data == nullptr) return;
  auto* header = static_cast<Header*>(data) - 1;
  if (header->size >= kSmallest && kept().keep(header, header->size)) return;
  c10::free_cpu(header);
}

class ReusingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    void* data = nullptr;
    if (size > 0) {
      void* block = size >= kSmallest ? kept().take(size) : nullptr;
      if (block == nullptr) block = c10::alloc_cpu(sizeof(Header) + size);
      auto* header = static_cast<Header*>(block);
      header->size = size;
      data = header + 1;
    }
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, size_t size) const override {
    default_copy_data(to, from, size);
  }
};

}  // namespace

// Once per process, before the first network.
extern "C" void drs_reuse_memory() {
  static auto* allocator = new ReusingAllocator;
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(allocator, /*priority=*/1); });
}
