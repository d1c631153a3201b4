using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>The meanings of HOME_NET and the server groups that a rule set is compiled with, in the order of <see cref="AddressViews"/>.</summary>
internal sealed class AddressMeanings
{
    /// <summary>An address that nobody has: the limited broadcast (RFC 919).</summary>
    private const string Nobody = "[255.255.255.255]";

    private readonly AddressExpressions _outsider;
    private readonly List<AddressExpressions> _homes = [];

    /// <param name="variables">As configured.</param>
    /// <param name="groups">The server groups of each kind of guest that is its own home; none: no views but the configured one.</param>
    public AddressMeanings(VariableTable variables, IReadOnlyList<string[]> groups)
    {
        _outsider = new AddressExpressions(With(variables, Nobody, []));
        foreach (string[] group in groups)
        {
            _homes.Add(new AddressExpressions(With(variables, "any", group)));
        }
    }

    /// <summary>Rules see guests' own homes.</summary>
    public bool Any => _homes.Count > 0;

    /// <summary>The classifiers behind the configured one.</summary>
    /// <param name="expressions">Text and configured ranges of each expression; null text: the same in every meaning.</param>
    public IEnumerable<AddressClassifier> Build(IReadOnlyList<(string? Text, AddressRanges Ranges)> expressions)
    {
        if (!Any)
        {
            yield break;
        }

        AddressRanges[] outside = [.. expressions.Select(e => Of(_outsider, e))];
        yield return AddressClassifier.Build(outside);
        foreach (AddressExpressions home in _homes)
        {
            AddressRanges[] inside = [.. expressions.Select(e => Of(home, e))];
            yield return AddressClassifier.Build(inside);
            yield return AddressClassifier.Build([.. inside.Select((ranges, i) => AddressExpressions.Union(ranges, outside[i]))]);
        }
    }

    private static AddressRanges Of(AddressExpressions meaning, (string? Text, AddressRanges Ranges) expression) =>
        expression.Text is { } text ? meaning.ParseView(text) : expression.Ranges;

    /// <summary>Groups that say no more than "my network" are the guest where its role names them, and nobody where it names others.</summary>
    private static Dictionary<string, string> With(VariableTable variables, string home, string[] groups)
    {
        Dictionary<string, string> all = new(variables.Addresses) { ["HOME_NET"] = home };
        foreach ((string name, string definition) in variables.Addresses)
        {
            if (name != "HOME_NET" && groups.Length > 0 && definition.Trim() == "$HOME_NET")
            {
                all[name] = groups.Contains(name) ? home : Nobody;
            }
        }

        return all;
    }
}
