using System.Diagnostics.CodeAnalysis;
using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary>Every transform: its keyword and the parser of its argument.</summary>
/// <remarks>Suricata 8's 19 transforms without <c>luaxform</c>.</remarks>
public static class TransformCatalog
{
    /// <summary>The keywords, alphabetical.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "compress_whitespace",
        "domain",
        "dotprefix",
        "from_base64",
        "gunzip",
        "header_lowercase",
        "pcrexform",
        "strip_pseudo_headers",
        "strip_whitespace",
        "tld",
        "to_lowercase",
        "to_md5",
        "to_sha1",
        "to_sha256",
        "to_uppercase",
        "url_decode",
        "xor",
        "zlib_deflate",
    ];

    /// <summary>One sentence for each, in the order of <see cref="Names"/>.</summary>
    public static IReadOnlyList<string> Help { get; } =
    [
        "runs of white space become one blank",
        "the registered domain of a host name",
        "a dot in front, so that whole labels can be matched",
        "base64, optionally [bytes N][, offset N][, mode M]",
        "inflates gzip data",
        "names of header fields in lower case",
        "what the first group of the expression captures",
        "HTTP/2 pseudo headers are taken out",
        "white space is taken out",
        "the top-level domain of a host name",
        "ASCII letters in lower case",
        "the MD5 digest",
        "the SHA-1 digest",
        "the SHA-256 digest",
        "ASCII letters in upper case",
        "%XX and + are decoded",
        "each byte combined with a key in hexadecimal",
        "inflates zlib data",
    ];

    /// <summary>Whether a keyword is a transform.</summary>
    public static bool IsTransform(ReadOnlySpan<char> name)
    {
        foreach (string known in Names)
        {
            if (name.SequenceEqual(known))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Makes a transform from a keyword and its argument.</summary>
    /// <param name="name">The keyword, case-sensitive.</param>
    /// <param name="argument">What follows the colon, quotes included; empty without a colon.</param>
    /// <param name="context">What transforms need from outside.</param>
    /// <param name="transform">Set when true is returned.</param>
    /// <param name="error">Set when false is returned; the offset counts in <paramref name="argument"/>.</param>
    public static bool TryCreate(
        ReadOnlySpan<char> name,
        ReadOnlySpan<char> argument,
        TransformContext context,
        [NotNullWhen(true)] out Transform? transform,
        out ArgumentError error)
    {
        switch (name)
        {
            case "from_base64":
                return FromBase64Transform.TryParse(argument, out transform, out error);
            case "gunzip" or "zlib_deflate":
                return InflateTransform.TryParse(name is "gunzip", argument, out transform, out error);
            case "pcrexform":
                return PcreTransform.TryParse(argument, context.Limits, out transform, out error);
            case "xor":
                return XorTransform.TryParse(argument, out transform, out error);
            default:
                return TryCreatePlain(name, argument, context, out transform, out error);
        }
    }

    /// <summary>The transforms without arguments.</summary>
    private static bool TryCreatePlain(
        ReadOnlySpan<char> name,
        ReadOnlySpan<char> argument,
        TransformContext context,
        [NotNullWhen(true)] out Transform? transform,
        out ArgumentError error)
    {
        transform = name switch
        {
            "compress_whitespace" => new CompressWhitespaceTransform(),
            "domain" => new DomainTransform(context.Suffixes, suffixOnly: false),
            "dotprefix" => new DotPrefixTransform(),
            "header_lowercase" => new HeaderLowercaseTransform(),
            "strip_pseudo_headers" => new StripPseudoHeadersTransform(),
            "strip_whitespace" => new StripWhitespaceTransform(),
            "tld" => new DomainTransform(context.Suffixes, suffixOnly: true),
            "to_lowercase" => new LetterCaseTransform(upper: false),
            "to_md5" => new DigestTransform(DigestKind.Md5),
            "to_sha1" => new DigestTransform(DigestKind.Sha1),
            "to_sha256" => new DigestTransform(DigestKind.Sha256),
            "to_uppercase" => new LetterCaseTransform(upper: true),
            "url_decode" => new UrlDecodeTransform(),
            _ => null,
        };
        error = default;
        if (transform is null)
        {
            error = new ArgumentError(0, $"'{name}' is no transform");
        }
        else if (!argument.Trim(' ').IsEmpty)
        {
            transform = null;
            error = new ArgumentError(0, $"{name} takes no argument");
        }
        return transform is not null;
    }
}
