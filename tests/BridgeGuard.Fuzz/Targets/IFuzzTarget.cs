namespace BridgeGuard.Fuzz.Targets;

/// <summary>One thing that takes bytes from strangers. A run throws when something is wrong, not only when the code under test does.</summary>
internal interface IFuzzTarget
{
    string Name { get; }

    /// <summary>Inputs to start from; from <c>tests/corpus</c> or made here.</summary>
    IReadOnlyList<byte[]> Seeds();

    /// <summary>Feeds one input. State may be kept between runs where the code under test keeps it.</summary>
    void Run(byte[] input);
}
