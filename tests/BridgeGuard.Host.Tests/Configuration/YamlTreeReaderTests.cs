using BridgeGuard.Daemon.Configuration;
using Xunit;

namespace BridgeGuard.Host.Tests.Configuration;

public sealed class YamlTreeReaderTests
{
    [Fact]
    public void ListsOfSingleKeyMappingsReadAsNamesWithOptions()
    {
        ConfigNode root = YamlTreeReader.ReadText("%YAML 1.1\n---\noutputs:\n  - fast:\n      enabled: yes\n  - eve-log:\n      types:\n        - alert\n        - http:\n            extended: yes\n        - dns:\n", "x.yaml");

        Assert.Equal("fast", root.Get("outputs.0"));
        Assert.Equal("yes", root.Get("outputs.0.fast.enabled"));
        Assert.Equal("alert", root.Get("outputs.1.eve-log.types.0"));
        Assert.Equal("http", root.Get("outputs.1.eve-log.types.1"));
        Assert.Equal("yes", root.Get("outputs.1.eve-log.types.1.http.extended"));
        Assert.Equal("dns", root.Get("outputs.1.eve-log.types.2"));
    }

    [Fact]
    public void OverridesWinOverFilesAndMakeWhatIsMissing()
    {
        ConfigNode root = YamlTreeReader.ReadText("stream:\n  midstream: false\n", "x.yaml");

        Assert.True(CommandLineOverrides.TryApply(root, "stream.midstream=true"));
        Assert.True(CommandLineOverrides.TryApply(root, "reputation-files.0=/tmp/list"));

        Assert.True(root.GetBool("stream.midstream", false));
        Assert.Equal(["/tmp/list"], root.Find("reputation-files")!.Values());
    }

    [Theory]
    [InlineData("stream.midstream")]
    [InlineData("=yes")]
    [InlineData("a.=yes")]
    public void MalformedOverridesAreRefused(string setting) =>
        Assert.False(CommandLineOverrides.TryApply(new ConfigNode("", default), setting));

    [Theory]
    [InlineData("a: [1, 2\nb: 3\n", 1)]
    [InlineData("a: &x 1\n", 1)]
    [InlineData("a: 1\nb: *x\n", 2)]
    [InlineData("- a\n- b\n", 1)]
    public void WhatIsNotReadIsReportedWithItsLine(string text, int line)
    {
        ConfigException error = Assert.Throws<ConfigException>(() => YamlTreeReader.ReadText(text, "x.yaml"));

        Assert.Equal("x.yaml", error.Position.File);
        Assert.Equal(line, error.Position.Line);
        Assert.StartsWith($"x.yaml:{line}:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DuplicateKeysAreMergedAndLaterListsReplace()
    {
        ConfigNode root = YamlTreeReader.ReadText("a:\n  x: 1\nl: [1, 2, 3]\na:\n  y: 2\nl: [9]\n", "x.yaml");

        Assert.Equal("1", root.Get("a.x"));
        Assert.Equal("2", root.Get("a.y"));
        Assert.Equal(["9"], root.Find("l")!.Values());
    }

    [Fact]
    public void IncludesAreRelativeToTheFileThatNamesThem()
    {
        string folder = Directory.CreateTempSubdirectory("bg-yaml").FullName;
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, "sub"));
            File.WriteAllText(Path.Combine(folder, "sub", "base.yaml"), "stream:\n  midstream: true\n  memcap: 1mb\n");
            File.WriteAllText(Path.Combine(folder, "main.yaml"), "include: sub/base.yaml\nstream:\n  memcap: 2mb\n");

            ConfigNode root = YamlTreeReader.ReadFile(Path.Combine(folder, "main.yaml"));

            Assert.Equal("true", root.Get("stream.midstream"));
            Assert.Equal("2mb", root.Get("stream.memcap"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void FilesThatIncludeThemselvesEndWithAnError()
    {
        string folder = Directory.CreateTempSubdirectory("bg-yaml").FullName;
        try
        {
            string path = Path.Combine(folder, "a.yaml");
            File.WriteAllText(path, "include: a.yaml\n");

            Assert.Contains("nested deeper", Assert.Throws<ConfigException>(() => YamlTreeReader.ReadFile(path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void MissingFilesAreNamed()
    {
        ConfigException error = Assert.Throws<ConfigException>(() => YamlTreeReader.ReadFile("/nonexistent/x.yaml"));

        Assert.StartsWith("/nonexistent/x.yaml: failed to open file", error.Message, StringComparison.Ordinal);
    }
}
