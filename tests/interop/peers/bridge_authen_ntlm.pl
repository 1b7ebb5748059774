# Authen::NTLM's client, the library of Perl: JSON in, JSON out, as `bridge.py` has it.

use strict;
use warnings;
use JSON::PP;
use MIME::Base64;

eval { require Authen::NTLM; 1 }
    or die "Authen::NTLM is missing: run `tests/interop/install`\n";
$| = 1;
print "ready\n";

my %operations = (
    begin => sub {
        my ($arguments) = @_;
        Authen::NTLM::ntlm_reset();
        Authen::NTLM::ntlm_user($arguments->{user});
        Authen::NTLM::ntlm_domain($arguments->{domain});
        Authen::NTLM::ntlm_password($arguments->{password});
        Authen::NTLM::ntlmv2($arguments->{ntlmv2} ? 1 : 0);
        return {};
    },
    step => sub {
        my ($arguments) = @_;
        my $token = $arguments->{token};
        return answer(Authen::NTLM::ntlm(), JSON::PP::false) unless defined $token;
        return answer(Authen::NTLM::ntlm(encode_base64(pack('H*', $token), '')), JSON::PP::true);
    },
);

while (my $line = <STDIN>) {
    my $arguments = decode_json($line);
    my $answer = eval { $operations{$arguments->{operation}}->($arguments) };
    $answer = { error => "$@" } unless $answer;
    print encode_json($answer), "\n";
}

sub answer {
    my ($token, $is_done) = @_;
    return { token => unpack('H*', decode_base64($token)), done => $is_done };
}
