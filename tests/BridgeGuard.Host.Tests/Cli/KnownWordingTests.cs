using BridgeGuard.Cli.Suricata;
using Xunit;

namespace BridgeGuard.Host.Tests.Cli;

public sealed class KnownWordingTests
{
    [Theory]
    [InlineData("depth: no byte_extract or byte_math before sets «d»", "", "detect-depth", "unknown byte_ keyword var seen in depth - d.")]
    [InlineData("depth: «-5» is not understood", "", "detect-depth", "invalid value for depth: -5.")]
    [InlineData("within: «1048577» is not understood", "", "detect-within", "invalid value for within: 1048577")]
    [InlineData("the contents need 30 bytes, dsize allows 10", "", "detect-content", "signature can't match as required content length 30 exceeds dsize value 10")]
    [InlineData("an option is empty", "", "detect-parse", "unknown rule keyword ''.")]
    [InlineData("within is given twice for one content", "", "detect-within", "can't use multiple withins for the same content.")]
    [InlineData("«j» is not a hexadecimal digit", "(content:\"|01 10 0j|\";)", "detect-content", "Invalid hex code in content - |01 10 0j|, hex j. Invalidating signature.")]
    [InlineData("a hexadecimal run is not closed", "(content:\"ab\"; content:\"|1\";)", "detect-content", "Invalid hex code assembly in content - |1.  Invalidating signature.")]
    public void WhatScriptsSearchForIsSaid(string message, string rule, string module, string expected) =>
        Assert.Equal((module, expected), KnownWording.Find(message, rule));

    [Fact]
    public void OtherMessagesStayOurs() => Assert.Null(KnownWording.Find("the keyword «x» is not known", "(x;)"));
}
