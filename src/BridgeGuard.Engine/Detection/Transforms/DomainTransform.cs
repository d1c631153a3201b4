namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>domain</c>: the registrable domain of a name; <c>tld</c>: its public suffix.</summary>
/// <remarks>
/// "www.example.co.uk" gives "example.co.uk" and "co.uk". A name that is itself a public suffix, or has one label, gives no bytes. A
/// final dot stays; one leading dot is ignored. Letters are compared as they are, so upper case only meets the rule that a last
/// label is a suffix: that is what Suricata 8 does; use <c>to_lowercase</c> first.
/// </remarks>
internal sealed class DomainTransform(PublicSuffixList suffixes, bool suffixOnly) : Transform
{
    public override string Name => suffixOnly ? "tld" : "domain";

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        ReadOnlySpan<byte> name = input;
        if (name.EndsWith("."u8))
        {
            name = name[..^1];
        }
        if (name.StartsWith("."u8))
        {
            name = name[1..];
            input = input[1..];
        }
        int suffix = suffixes.SuffixStart(name);
        if (suffix <= 0)
        {
            return default;
        }
        int domain = name[..(suffix - 1)].LastIndexOf((byte)'.') + 1;
        return input[(suffixOnly ? suffix : domain)..];
    }
}
