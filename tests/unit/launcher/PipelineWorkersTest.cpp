// SPDX-License-Identifier: LGPL-2.1-or-later
#include <atomic>
#include <future>
#include <string>

#include <gtest/gtest.h>

#include "media/PipelineWorkers.hpp"

namespace launcher {

namespace {

using Kind = PipelineWorkers::Kind;

/// Keeps a worker busy until it is let go.
class Gate {
 public:
  PipelineWorkers::Task task() {
    return [this] {
      entered_.set_value();
      open_.get_future().wait();
    };
  }
  void waitEntered() { entered_.get_future().wait(); }
  void open() { open_.set_value(); }

 private:
  std::promise<void> entered_;
  std::promise<void> open_;
};

}  // namespace

TEST(PipelineWorkers, SetUpsGoBeforeTakeDowns) {
  std::string order;
  Gate gate;
  {
    PipelineWorkers workers(1);
    workers.post(1, Kind::SetUp, gate.task());
    gate.waitEntered();
    workers.post(2, Kind::TakeDown, [&order] { order += "d"; });
    workers.post(3, Kind::SetUp, [&order] { order += "u"; });
    workers.post(4, Kind::SetUp, [&order] { order += "u"; });
    gate.open();
  }
  EXPECT_EQ(order, "uud") << "and the destructor finishes what is queued";
}

TEST(PipelineWorkers, ATakeDownDoesNotWaitForEver) {
  std::string order;
  Gate gate;
  {
    PipelineWorkers workers(1, 0);
    workers.post(1, Kind::SetUp, gate.task());
    gate.waitEntered();
    workers.post(2, Kind::TakeDown, [&order] { order += "d"; });
    workers.post(3, Kind::SetUp, [&order] { order += "u"; });
    gate.open();
  }
  EXPECT_EQ(order, "du");
}

TEST(PipelineWorkers, TasksOfOneKeyNeverRunTogetherAndOthersDo) {
  std::atomic<int> running{0};
  std::atomic<bool> together{false};
  std::string order;
  PipelineWorkers workers(3);
  Gate gate;
  workers.post(7, Kind::SetUp, gate.task());
  gate.waitEntered();
  std::promise<void> finished;
  for (const char step : {'a', 'b', 'c'}) {
    workers.post(7, step == 'c' ? Kind::TakeDown : Kind::SetUp, [&, step] {
      if (++running != 1) together = true;
      order += step;
      --running;
      if (step == 'c') finished.set_value();
    });
  }
  std::promise<void> other;
  workers.post(8, Kind::TakeDown, [&other] { other.set_value(); });
  other.get_future().wait();
  EXPECT_EQ(order, "") << "another key goes on, this one waits";
  gate.open();
  finished.get_future().wait();
  EXPECT_EQ(order, "abc");
  EXPECT_FALSE(together);
}

TEST(PipelineWorkers, TakeDownsLeaveOneThreadToSetUps) {
  PipelineWorkers workers(2);
  Gate gate;
  workers.post(1, Kind::TakeDown, gate.task());
  gate.waitEntered();
  std::atomic<bool> second{false};
  workers.post(2, Kind::TakeDown, [&second] { second = true; });
  std::promise<void> setUp;
  workers.post(3, Kind::SetUp, [&setUp] { setUp.set_value(); });
  setUp.get_future().wait();
  EXPECT_FALSE(second) << "it waits for the first";
  gate.open();
}

}  // namespace launcher
