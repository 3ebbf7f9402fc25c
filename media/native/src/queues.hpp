// Lock-free queues between the media clock, Python and the SIP owner thread.
//
// Everything here has a fixed capacity: the media clock never allocates, never frees and never waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace ringback {

// Bounded queue for many producers and one consumer, after Dmitry Vyukov's bounded MPMC queue: every cell
// carries a sequence number that tells whose turn it is. `push` fails when full; it never waits.
template <typename T> class BoundedQueue {
  public:
    explicit BoundedQueue(size_t capacity_power_of_two)
        : mask_(capacity_power_of_two - 1), cells_(new Cell[capacity_power_of_two]) {
        for (size_t i = 0; i < capacity_power_of_two; ++i)
            cells_[i].sequence.store(i, std::memory_order_relaxed);
    }

    bool push(const T &item) {
        size_t at = head_.load(std::memory_order_relaxed);
        for (;;) {
            Cell &cell = cells_[at & mask_];
            intptr_t turn = intptr_t(cell.sequence.load(std::memory_order_acquire)) - intptr_t(at);
            if (turn == 0) {
                if (head_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
                    cell.item = item;
                    cell.sequence.store(at + 1, std::memory_order_release);
                    return true;
                }
            } else if (turn < 0) {
                return false;
            } else {
                at = head_.load(std::memory_order_relaxed);
            }
        }
    }

    bool pop(T &item) {
        Cell &cell = cells_[tail_ & mask_];
        if (intptr_t(cell.sequence.load(std::memory_order_acquire)) - intptr_t(tail_ + 1) < 0)
            return false;
        item = cell.item;
        cell.sequence.store(tail_ + mask_ + 1, std::memory_order_release);
        ++tail_;
        return true;
    }

  private:
    struct Cell {
        std::atomic<size_t> sequence;
        T item;
    };
    const size_t mask_;
    std::unique_ptr<Cell[]> cells_;
    alignas(64) std::atomic<size_t> head_{0};
    alignas(64) size_t tail_{0}; // the one consumer's own
};

// Ring of 16-bit samples for one producer and one consumer. Positions count samples since the start and
// never wrap in practice (2^63 samples), so that marks and flushes can name a position.
class SampleRing {
  public:
    explicit SampleRing(size_t capacity) : samples_(capacity) {}

    uint64_t written() const { return written_.load(std::memory_order_acquire); }
    uint64_t taken() const { return taken_.load(std::memory_order_acquire); }
    size_t available() const { return size_t(written() - taken()); }
    size_t capacity() const { return samples_.size(); }

    // Producer: stores as many of `count` samples as fit, and returns how many did.
    size_t write(const int16_t *from, size_t count) {
        uint64_t at = written_.load(std::memory_order_relaxed);
        size_t room = samples_.size() - size_t(at - taken_.load(std::memory_order_acquire));
        if (count > room)
            count = room;
        copy(at, count, [&](size_t index, size_t offset, size_t n) {
            if (from)
                std::memcpy(&samples_[index], from + offset, n * sizeof(int16_t));
            else
                std::memset(&samples_[index], 0, n * sizeof(int16_t));
        });
        written_.store(at + count, std::memory_order_release);
        return count;
    }

    // Consumer: takes as many of `count` samples as there are, and returns how many.
    size_t read(int16_t *to, size_t count) {
        uint64_t at = taken_.load(std::memory_order_relaxed);
        size_t there = size_t(written_.load(std::memory_order_acquire) - at);
        if (count > there)
            count = there;
        copy(at, count, [&](size_t index, size_t offset, size_t n) {
            std::memcpy(to + offset, &samples_[index], n * sizeof(int16_t));
        });
        taken_.store(at + count, std::memory_order_release);
        return count;
    }

    // Consumer: forgets everything before `position`.
    void skip_to(uint64_t position) {
        if (position > taken_.load(std::memory_order_relaxed))
            taken_.store(position, std::memory_order_release);
    }

  private:
    template <typename F> void copy(uint64_t at, size_t count, F each) {
        size_t index = size_t(at % samples_.size());
        size_t first = samples_.size() - index;
        if (first > count)
            first = count;
        if (first)
            each(index, 0, first);
        if (count > first)
            each(0, first, count - first);
    }

    std::vector<int16_t> samples_;
    alignas(64) std::atomic<uint64_t> written_{0};
    alignas(64) std::atomic<uint64_t> taken_{0};
};

} // namespace ringback
