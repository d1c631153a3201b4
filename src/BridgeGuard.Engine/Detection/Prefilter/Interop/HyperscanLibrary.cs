using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Detection.Prefilter.Interop;

/// <summary>Whether Vectorscan or Hyperscan 5 is there, and keeping what it compiled on disk.</summary>
/// <remarks>
/// Loaded by soname (libhs.so.5; Debian packages libvectorscan5 and libhyperscan5) on first use. Compiling takes seconds for
/// thousands of patterns, so the caller builds in the background and stores the result: read a file named
/// <see cref="CacheKey"/>, <see cref="TryDeserialize"/>, else build and write <see cref="Serialize"/>. The engine itself opens no file.
/// The cache is code-like data: keep it where only the service can write.
/// </remarks>
public static class HyperscanLibrary
{
    /// <summary>True when libhs was found and supports this CPU.</summary>
    public static bool IsAvailable { get; } = NativeLibrary.TryLoad(HyperscanNative.Name, out _) && HyperscanNative.IsPlatformValid();

    /// <summary>The library's version sentence; empty when it is absent.</summary>
    public static string Version => IsAvailable ? HyperscanNative.Version() : "";

    /// <summary>A name for a set's compiled form: hexadecimal, changes with the patterns and with the library's version.</summary>
    public static string CacheKey(PatternSetBuilder builder) => Convert.ToHexString(HyperscanCache.KeyOf(builder));

    /// <summary>The compiled form of a set that <see cref="PrefilterEngine.Hyperscan"/> built.</summary>
    public static byte[] Serialize(PatternSet set) => HyperscanCache.Serialize((HyperscanPatternSet)set);

    /// <summary>A set from its compiled form.</summary>
    /// <returns>Null when the bytes are damaged, belong to other patterns, to another version or to another CPU.</returns>
    public static PatternSet? TryDeserialize(PatternSetBuilder builder, ReadOnlySpan<byte> bytes) => HyperscanCache.TryDeserialize(builder, bytes);
}
