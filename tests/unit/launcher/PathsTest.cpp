// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>

#include <gtest/gtest.h>

#include "TempDir.hpp"
#include "config/Paths.hpp"
#include "wsbridge-config.h"

namespace {

using launcher::pathsOf;

/// A directory to lay files out in.
class PathsTest : public ::testing::Test {
 protected:
  std::string lay(const std::string& name) {
    const std::filesystem::path path = dir_.file(name);
    std::filesystem::create_directories(path.parent_path());
    return dir_.write(name, "");
  }

  testsupport::TempDir dir_{"wsbridge-paths"};
};

TEST_F(PathsTest, TheBuildTreeWhereverItLies) {
  lay("plugins/libgstwsbridge.so");
  const auto paths = pathsOf(lay("launcher/wsbridge-launcher"));
  EXPECT_TRUE(paths.buildTree);
  EXPECT_EQ(paths.pluginDirectory, dir_.file("plugins"));
  EXPECT_EQ(paths.pipelineDirectory, dir_.file("pipelines"));
}

TEST_F(PathsTest, AnInstalledTreeWhereverItWasMovedTo) {
  lay(WSBRIDGE_LIBDIR "/gstreamer-1.0/libgstwsbridge.so");
  const auto paths = pathsOf(lay("bin/wsbridge-launcher"));
  EXPECT_FALSE(paths.buildTree);
  EXPECT_EQ(paths.pluginDirectory, dir_.file(WSBRIDGE_LIBDIR "/gstreamer-1.0"));
  EXPECT_EQ(paths.pipelineDirectory, dir_.file(WSBRIDGE_DATADIR "/gst-wsbridge/pipelines"));
}

TEST_F(PathsTest, APluginBesideADirectoryOfAnotherNameIsNoBuildTree) {
  lay("plugins/libgstwsbridge.so");
  EXPECT_FALSE(pathsOf(lay("bin/wsbridge-launcher")).buildTree);
}

TEST_F(PathsTest, AProgramAloneLooksWhereItWasToBeInstalled) {
  for (const char* name : {"launcher/wsbridge-launcher", "bin/wsbridge-launcher"}) {
    const auto paths = pathsOf(lay(name));
    EXPECT_FALSE(paths.buildTree) << name;
    EXPECT_EQ(paths.pluginDirectory, WSBRIDGE_PLUGIN_DIR);
    EXPECT_EQ(paths.pipelineDirectory, WSBRIDGE_PIPELINES_DIR);
  }
  EXPECT_FALSE(pathsOf("wsbridge-launcher").buildTree);
}

}  // namespace
