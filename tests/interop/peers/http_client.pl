# LWP, the HTTP client of Perl, with NTLMv2: requests a URL, and prints JSON for the response.
#
#     perl http_client.pl URL USER PASSWORD

use strict;
use warnings;
use Authen::NTLM;
use JSON::PP;
use LWP::UserAgent;
use URI;

my ($url, $user, $password) = @ARGV;
ntlmv2(1);
my $agent = LWP::UserAgent->new(keep_alive => 1, timeout => 20);
$agent->credentials(URI->new($url)->host_port, '', $user, $password);
my $response = $agent->get($url);
print encode_json({
    status => 0 + $response->code,
    user => scalar $response->header('X-User'),
    body => $response->decoded_content,
}), "\n";
