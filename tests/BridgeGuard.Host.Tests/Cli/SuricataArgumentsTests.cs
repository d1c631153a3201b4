using BridgeGuard.Cli.Suricata;
using Xunit;

namespace BridgeGuard.Host.Tests.Cli;

public sealed class SuricataArgumentsTests
{
    [Fact]
    public void AWholeInvocationIsUnderstood()
    {
        SuricataArguments arguments = SuricataArguments.Parse(
            ["-k", "none", "--set", "stream.midstream=true", "--set=exception-policy=ignore", "--init-errors-fatal", "-l", "/out", "--simulate-ips",
             "-c", "/x/suricata.yaml", "-r", "/x/a.pcap", "-S", "/x/a.rules", "--runmode=single", "--data-dir=/data"]);

        Assert.Null(arguments.Error);
        Assert.Equal("none", arguments.Checksums);
        Assert.Equal(["stream.midstream=true", "exception-policy=ignore"], arguments.Settings);
        Assert.True(arguments.InitErrorsFatal);
        Assert.True(arguments.SimulateIps);
        Assert.Equal("/out", arguments.LogFolder);
        Assert.Equal("/x/suricata.yaml", arguments.ConfigurationFile);
        Assert.Equal("/x/a.pcap", arguments.Capture);
        Assert.Equal("/x/a.rules", arguments.ExclusiveRules);
        Assert.Equal("/data", arguments.DataFolder);
        Assert.Equal(SuricataAction.Run, arguments.Action);
    }

    [Fact]
    public void FreeWordsAreTheCaptureFilter() =>
        Assert.Equal("port 22 and tcp", SuricataArguments.Parse(["-r", "-", "port", "22", "and", "tcp"]).Filter);

    [Fact]
    public void StandardInputIsACapture() => Assert.Equal("-", SuricataArguments.Parse(["-r", "-"]).Capture);

    [Fact]
    public void TestingMakesErrorsFatal()
    {
        SuricataArguments arguments = SuricataArguments.Parse(["-T", "-c", "x"]);

        Assert.Equal(SuricataAction.TestConfiguration, arguments.Action);
        Assert.True(arguments.InitErrorsFatal);
    }

    [Theory]
    [InlineData(1, "-v")]
    [InlineData(3, "-vvv")]
    [InlineData(2, "-v", "-v")]
    public void VerbosityAddsUp(int expected, params string[] words) => Assert.Equal(expected, SuricataArguments.Parse(words).Verbosity);

    [Theory]
    [InlineData("-r")]
    [InlineData("-k", "sometimes")]
    [InlineData("--no-such-option", "x")]
    [InlineData("--af-packet=eth0")]
    public void WhatIsNotUnderstoodIsSaid(params string[] words) => Assert.NotNull(SuricataArguments.Parse(words).Error);

    [Fact]
    public void ListsTakeAnOptionalArgument()
    {
        Assert.Equal("csv", SuricataArguments.Parse(["--list-keywords=csv"]).ListArgument);
        Assert.Equal("", SuricataArguments.Parse(["--list-keywords"]).ListArgument);
    }
}
