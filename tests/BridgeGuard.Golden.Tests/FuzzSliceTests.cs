using BridgeGuard.Fuzz;
using Xunit;

namespace BridgeGuard.Golden.Tests;

/// <summary>A slice of the fuzzing campaign that every build runs; <c>tests/run.sh</c> runs the long one.</summary>
public sealed class FuzzSliceTests
{
    [Fact]
    public void MutatedPacketsBreakNothing()
    {
        PacketCampaign campaign = new(200_000, 2, seed: 42);
        string? finding = campaign.Run();
        Assert.True(finding is null, finding);
    }
}
