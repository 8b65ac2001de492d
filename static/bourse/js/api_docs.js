/** The page of the OpenAPI document: Swagger UI, which the page has loaded before, draws it. */

const place = document.querySelector('main');
const draw = /** @type {any} */ (window).SwaggerUIBundle;
draw({ url: place?.dataset.url, domNode: place, deepLinking: true, validatorUrl: null });
